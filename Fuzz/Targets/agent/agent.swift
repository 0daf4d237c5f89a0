import Bodies

/// Called by libFuzzer first.
@_cdecl("LLVMFuzzerInitialize")
public func begin(_ count: UnsafeMutablePointer<CInt>, _ words: UnsafeMutableRawPointer) -> CInt {
    AgentTarget.writeSeedsIfAsked()
    return 0
}

/// Called by libFuzzer with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func runOne(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    AgentTarget.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
    return 0
}
