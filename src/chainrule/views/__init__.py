"""What people see, a room each: drawing, tracing, explaining, the stepper, plotting, notebooks."""
