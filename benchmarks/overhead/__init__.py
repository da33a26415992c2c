"""What the plug-in's whole Python path costs one training step: propose, label, read, group, observe, tick, metrics."""
