"""What people do about incidents: handle, silence, review."""
