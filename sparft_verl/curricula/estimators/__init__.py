"""Estimators: what is believed about each unit, an arm or a prompt, from the pulls that came back."""
