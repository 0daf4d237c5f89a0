public enum AgentTarget: FuzzTarget {
    /// `agent`.
    public static let name = "agent"
    public static func run(_ input: [UInt8]) {}
    public static let seeds: [(name: String, input: [UInt8])] = []
}
