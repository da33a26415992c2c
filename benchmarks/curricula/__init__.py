"""What a curriculum costs a training step: propose, observe and tick, and the saving of its state."""
