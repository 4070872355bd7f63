"""C8: can early layers be modified safely?"""
