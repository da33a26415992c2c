"""A curriculum for reinforcement fine-tuning of language models, as a plug-in for verl."""

__version__ = "0.1.0"
