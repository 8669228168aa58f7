package main

import "strings"

// chains makes contestants of the program that is measured.
type chains struct {
	agent string // its path
	key   string // of all broadcasts
}

func (c chains) plain() contestant { return c.with("kadeploy chain", nil, nil) }

func (c chains) tls() contestant {
	return c.with("kadeploy chain, TLS", []string{"--tls"}, []string{"--tls"})
}

func (c chains) crowd() contestant { return c.with("kadeploy chain", nil, []string{"--ring", "4M"}) }

// with makes one with more options of the sender and of the receivers.
func (c chains) with(name string, send, receive []string) contestant {
	return contestant{
		name: name, listens: "tcp", env: []string{"KADEPLOY_CHAIN_KEY=" + c.key},
		receive: func(p *place, i int) pipeline {
			return pipeline{append([]string{c.agent, "chain", "receive", "-l", p.hosts[i].addr.String(), "-o", p.file(i)}, receive...)}
		},
		send: func(p *place) pipeline {
			var links []string
			for _, h := range p.hosts {
				links = append(links, h.addr.String())
			}
			return pipeline{append([]string{c.agent, "chain", "send", "-N", strings.Join(links, ","), "-i", p.image.path, "--no-progress"}, send...)}
		},
	}
}
