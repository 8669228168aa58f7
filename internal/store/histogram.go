package store

import (
	"math"
	"time"
)

// Durations are counted in buckets that are 5 % wide, from a millisecond on: bucket n is above 1.05^(n-1) ms, up to 1.05^n ms.
// Bucket 0 is what takes no longer than a millisecond; maxBucket is 3.5 years and more.
const (
	bucketRatio = 1.05
	maxBucket   = 520
)

// bucketOf is the bucket of a duration.
func bucketOf(d time.Duration) int {
	ms := float64(d) / float64(time.Millisecond)
	if ms <= 1 {
		return 0
	}
	return min(int(math.Ceil(math.Log(ms)/math.Log(bucketRatio))), maxBucket)
}

// middle is the duration that stands for all of a bucket.
func middle(bucket int) time.Duration {
	if bucket == 0 {
		return time.Millisecond
	}
	return time.Duration(math.Pow(bucketRatio, float64(bucket)-0.5) * float64(time.Millisecond))
}

// histogram is what the rows of one step add up to. Buckets come in rising order.
type histogram struct {
	buckets, steps []int
	total          int
	longest        time.Duration
	failed, cut    int
	resumed        int
}

func (h *histogram) add(bucket, steps int, longest time.Duration) {
	h.buckets, h.steps = append(h.buckets, bucket), append(h.steps, steps)
	h.total += steps
	h.longest = max(h.longest, longest)
}

// quantile is a duration that so many (0 to 1) of all steps did not exceed; 0 when there are none.
func (h *histogram) quantile(q float64) time.Duration {
	rank, seen := int(math.Ceil(q*float64(h.total))), 0
	for i, n := range h.steps {
		if seen += n; seen >= rank {
			return min(middle(h.buckets[i]), h.longest)
		}
	}
	return 0
}
