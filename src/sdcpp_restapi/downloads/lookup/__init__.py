"""What a link leads to, what sites offer, and which of it is newer: told before anything is downloaded."""
