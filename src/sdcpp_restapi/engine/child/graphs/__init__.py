"""What happens between the nodes of the engine's graphs: stopping, recording and replaying."""
