package store_test

// roles are what this binary is when it is not the suite.
var roles = map[string]func(url string){}
