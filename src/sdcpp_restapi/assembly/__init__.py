"""The composition roots: each opens every part once, hands them to each other, and closes them in reverse."""
