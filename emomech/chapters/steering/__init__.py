"""C5 and C6: does steering features improve recognition, and is language modelling preserved?"""
