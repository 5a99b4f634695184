"""What stands between the sockets and the networks while a flood lasts: members first. The rules are in net.siege."""
