"""Foundations of all other modules: errors, paths, files, hook points, settings, devices, the machine, the hub."""
