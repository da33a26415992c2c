"""What `make recipes-check` does, part by part; nothing here needs a GPU."""
