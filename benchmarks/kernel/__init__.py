"""How fast are the bandit's ops beside NumPy, torch and other libraries, and how far from what the machine allows?"""
