"""Does a curriculum pay? Real GRPO of a tiny language model, many seeds, matched budgets."""
