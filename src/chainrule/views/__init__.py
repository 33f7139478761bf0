"""What people see of a graph and of a training: drawings, notebook displays, plots."""
