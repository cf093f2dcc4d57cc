"""What tests share: the real key server, the real client process, fakes, the runner's rules."""
