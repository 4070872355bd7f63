"""C2: are features shared between emotions or specific to one?"""
