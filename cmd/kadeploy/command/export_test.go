package command

// Moment reads a time as --since does.
var Moment = moment
