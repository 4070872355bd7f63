"""C4: do few features carry the answer causally?"""
