"""What everything else stands on: errors, paths, files, hook points, devices, the machine, the hub."""
