"""What the engine offers to buildx: the control service and the gateway of its builds."""
