"""Does a curriculum pay on a real pretrained model? SmolLM2-135M-Instruct under real verl."""
