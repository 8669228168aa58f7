package main

import "fmt"

func Example_byState() {
	fmt.Println(byState(`   0.0s deployment  D-1, environment tiny:1, 2 nodes node-[1-2]
   0.4s note       the image is good
   0.5s node-1     SetDeploymentEnv/Untrusted reboot
   0.5s node-2     SetDeploymentEnv/Untrusted reboot
   0.7s node-2     SetDeploymentEnv/Untrusted wait_reboot
   1.0s node-1     SetDeploymentEnv/Untrusted wait_reboot
   9.0s node-1     failed in SetDeploymentEnv/Untrusted wait_reboot, to be tried again: it did not call
   9.5s node-1     SetDeploymentEnv/Untrusted wait_reboot (try 2)
  11.7s node-2     BroadcastEnv/Chain format
  12.0s node-1     BroadcastEnv/Chain format
  12.0s chain      in the order node-2, node-1
  12.2s broadcast  25 %
  13.0s node-2     OK
  13.5s node-1     KO in BroadcastEnv/Chain format: the disk is full
`))
	// Output: SetDeploymentEnv: reboot 0.5, wait_reboot 11.0; BroadcastEnv: format 1.5
}
