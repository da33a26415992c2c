"""How long does a step of real verl take on a CPU, how long until the first, and where does the time go?"""
