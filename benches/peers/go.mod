module plimsoll.dev/peers

go 1.26.0
