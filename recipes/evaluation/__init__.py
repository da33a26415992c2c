"""Several runs beside each other: scores of test items, their statistics, and which cluster an item belongs to."""
