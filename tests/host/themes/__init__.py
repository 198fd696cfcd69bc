"""The host project with an admin of another look."""
