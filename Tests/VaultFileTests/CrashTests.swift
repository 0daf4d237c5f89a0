import Foundation
import Testing

@testable import VaultFile

/// Crashes of the machine, and what is found after a restart.
@Suite struct CrashTests {
    /// The number of states to check; `make crash` asks for more.
    private static let wanted = ProcessInfo.processInfo.environment["VAULT_STATES"].flatMap { Int($0) }
    private static let few = 4_000
    private static let seed = UInt64(ProcessInfo.processInfo.environment["VAULT_SEED"] ?? "") ?? 1

    @Test func `wherever the machine stops, all that was acknowledged is there, and nothing else`() throws {
        var (counts, failures) = (CrashCampaign.Counts(), [String]())
        for (name, plan) in Plan.each {
            let isCampaign = CrashTests.wanted != nil
            let done = try CrashCampaign.run(
                plan, name, limit: isCampaign ? 20_000 : 30, stride: isCampaign ? 1 : 8)
            if isCampaign { print("\(name): \(done.counts.states) states of \(done.counts.moments) moments") }
            counts += done.counts
            failures += done.failures
        }
        let others = (CrashTests.wanted ?? CrashTests.few) - counts.states
        let random = CrashCampaign.run(states: others, limit: 256, firstSeed: CrashTests.seed)
        counts += random.counts
        failures += random.failures
        print("\(counts.moments) moments; the first seed was \(CrashTests.seed)")
        print("crash: \(counts.states) distinct states, \(counts.lost) lost, \(counts.wrong) wrong")
        #expect(failures == [])
        #expect(counts.lost + counts.wrong == 0)
        #expect(counts.states >= CrashTests.wanted ?? CrashTests.few)
    }

    @Test(arguments: Defect.allCases)
    func `an engine with a defect is caught`(defect: Defect) throws {
        for (name, plan) in Plan.each {
            let (counts, failures) = try CrashCampaign.run(plan, name, limit: 30, defect)
            guard let failure = failures.first else { continue }
            print("\(defect): caught in \(failure) (\(counts.lost) lost, \(counts.wrong) wrong)")
            return
        }
        Issue.record("\(defect) is not caught")
    }
}
