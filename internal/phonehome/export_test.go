package phonehome

// ScriptText is the script as it is laid into a system.
var ScriptText = scriptText
