/// Bounds what a search for frames gives to bytes that look like one and are none.
///
/// Whoever can write a file can make every sixteenth byte of it look like the beginning of the longest frame. So such bytes are looked at
/// while that has cost less than a constant and so much for each byte that lies before them. What an accident leaves of frames costs less
/// than that; and short frames behind bytes that somebody made up are found nearly all, since each step makes room for one of them.
package struct SearchBound {
    private var wasted = 0

    /// For each byte that was passed.
    private static let perByte = 4

    /// Nothing was wasted so far.
    package init() {}

    /// Whether a frame that would have `count` bytes may be looked at.
    package func allows(_ count: Int, at offset: UInt64) -> Bool {
        wasted + count <= Format.searchBudget + SearchBound.perByte * Int(clamping: offset)
    }

    /// Notes what was given to bytes that turned out to be no frame.
    package mutating func waste(_ work: Int) { wasted += work }
}
