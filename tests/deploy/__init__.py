"""The files of example_project/deploy: each is what its tool takes."""
