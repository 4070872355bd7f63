"""Instrument: do the SAEs stand for what the model computes?"""
