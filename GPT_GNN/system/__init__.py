"""What talks to the machine: files, locks, processes, devices, compiled code."""
