"""C10: at which depth is emotion decodable, and from which depth is it used?"""
