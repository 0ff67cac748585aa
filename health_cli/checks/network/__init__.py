"""What is reached over the network: HTTP, TCP, DNS and certificates, each under a name that the project gives it."""
