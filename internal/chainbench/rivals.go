package main

import "strconv"

var socat = need{"socat", "socat"}

// buffer is what socat is told to use: its own, 8 KiB, would make it look slower than it is.
const buffer = "-b65536"

// copyOnce is no broadcast: one TCP connection to one host, to compare with what the link itself lets through.
func copyOnce() contestant {
	return contestant{
		name: "one copy to one host", needs: []need{socat}, listens: "tcp", single: true,
		receive: keep,
		send: func(p *place) pipeline {
			return pipeline{{"socat", buffer, "-u", "OPEN:" + p.image.path, connect(p.hosts[0])}}
		},
	}
}

// relay is the chain that an administrator types: each host writes a file and hands on what comes, as it comes.
func relay() contestant { return relayWith("socat | tee | socat", buffer) }

// plainRelay is the same with socat's own buffer, as one finds it in most recipes.
func plainRelay() contestant { return relayWith("the same, 8 KiB buffers", "-b8192") }

func relayWith(name, buffer string) contestant {
	c := copyOnce()
	c.name, c.single = name, false
	c.needs = append(c.needs, need{"tee", "coreutils"})
	c.receive = func(p *place, i int) pipeline {
		if i == len(p.hosts)-1 {
			return keep(p, i)
		}
		return pipeline{
			{"socat", buffer, "-u", listen(p.hosts[i]), "-"},
			{"tee", p.file(i)},
			{"socat", buffer, "-u", "-", connect(p.hosts[i+1])},
		}
	}
	return c
}

func keep(p *place, i int) pipeline {
	return pipeline{{"socat", buffer, "-u", listen(p.hosts[i]), "CREATE:" + p.file(i)}}
}

// unicast is a server that all hosts fetch the image from at once.
func unicast() contestant {
	return contestant{
		name: "one server for all", needs: []need{socat}, listens: "tcp", order: headFirst,
		receive: func(p *place, i int) pipeline {
			return pipeline{{"socat", buffer, "-u", connect(p.head), "CREATE:" + p.file(i)}}
		},
		send: func(p *place) pipeline {
			return pipeline{{"socat", buffer, "-U", listen(p.head) + ",fork,backlog=256", "OPEN:" + p.image.path}}
		},
	}
}

func listen(s site) string {
	return "TCP-LISTEN:" + strconv.Itoa(int(s.addr.Port())) + ",bind=" + s.addr.Addr().String() + ",reuseaddr"
}

func connect(s site) string { return "TCP:" + s.addr.String() }

// udpcast sends once, by multicast on the switch. It waits 2 s for more receivers to call, its receivers wait 0.5 s when
// they have all. It is told to drop a receiver that it has asked 20 times in vain: by its own default of 200 it holds up
// all others for minutes, and at 5 it drops some that are alive. A limit of its rate changes nothing.
func udpcast() contestant {
	const debian = "udpcast"
	return contestant{
		name: "udpcast", needs: []need{{"udp-sender", debian}, {"udp-receiver", debian}}, listens: "udp",
		remark: "2.5 s of it are fixed waits",
		receive: func(p *place, i int) pipeline {
			return pipeline{{"udp-receiver", "--file", p.file(i), "--interface", "eth0", "--portbase", portOf(p.head), "--nokbd", "--no-progress"}}
		},
		send: func(p *place) pipeline {
			return pipeline{{"udp-sender", "--file", p.image.path, "--interface", "eth0", "--portbase", portOf(p.head), "--full-duplex",
				"--min-receivers", strconv.Itoa(len(p.hosts)), "--retries-until-drop", "20", "--nokbd", "--no-progress"}}
		},
	}
}

func portOf(s site) string { return strconv.Itoa(int(s.addr.Port())) }
