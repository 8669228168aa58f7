node "blue-[01-02].lab" {
  address = "10.8.1.[1-2]"
  cluster = "blue"
  command "reboot_very_hard" {
    argv = ["pdu", "one", "two"]
  }
}

node "blue-03.lab" {
  address = "10.8.1.3"
  cluster = "blue"
  command "reboot_hard" {
    argv = ["ipmi-cycle", "--slow", node.short]
  }
}

# The odd one.
node "blue-04.lab" {
  address       = format("10.8.1.%d", node.index + 4)
  cluster       = "blue"
  mac           = "52:54:00:00:00:04"
  deploy_part   = "6"
  switch        = "sw-2"
  rack          = format("r%d", node.index + 3)
  kernel_params = join(" ", ["console=ttyS1", "quiet"])
}

node "red-1" {
  address = "127.10.0.1"
  cluster = "red"
}
