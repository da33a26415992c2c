"""One folder per question; results/ holds what was measured, with machine, versions and commit."""
