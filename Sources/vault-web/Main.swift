internal import HTTPServer
internal import Platform
internal import Sodium
internal import VaultAgent
internal import VaultKit
internal import UserMessages

/// The page of one vault, from start to end.
@main
enum Main {
    static func main() {
        CurrentProcess.harden()
        CurrentProcess.fillStandardDescriptors()
        do throws(Failure) {
            try serve(try Settings(CurrentProcess.arguments().words))
        } catch {
            error.report(asJSON: false)
            CurrentProcess.exit(error.code.rawValue)
        }
    }

    /// How often it is asked whether the vault is still unlocked, in milliseconds.
    private static let lookEvery: UInt64 = 2000

    private static func serve(_ settings: Settings) throws(Failure) {
        if let failure = lock(of: settings.path) { throw failure }
        let service = try WebService(APIHandler(path: settings.path), api: try settings.token())
        let server: HTTPServer
        do throws(HTTPServer.CannotListen) {
            server = try HTTPServer(port: settings.port, service: service)
        } catch {
            throw Failure(error.reason, "cannot listen on port \(settings.port) of \(error.address)")
        }
        do throws(Errno) {
            _ = try LoopbackPeer.userID(of: .ipv4, from: server.port, to: server.port)
        } catch {
            throw Failure(error, "cannot ask the kernel whose connections there are")
        }
        let address = service.begin(at: server.port)
        try Output.write(address + "\n")
        Output.note(
            "Serving \(settings.path) until Ctrl-C, until it is locked, or \(DurationFormat.words(milliseconds: settings.idle)) without use"
        )
        var link = settings.opens ? PageLink.show(address) : nil
        var nextLook = SystemClock.monotonicMilliseconds() + lookEvery
        while true {
            let now = SystemClock.monotonicMilliseconds()
            if now >= service.lastUse + settings.idle {
                return Output.note(
                    "Ended: nobody used the page for \(DurationFormat.words(milliseconds: settings.idle))")
            }
            if service.isOpened { _ = link.take() }
            if now >= nextLook {
                if lock(of: settings.path) != nil { return Output.note("Ended: \(settings.path) was locked") }
                nextLook = now + lookEvery
            }
            do throws(Errno) {
                try server.step(milliseconds: nextLook - now)
            } catch {
                throw Failure(error, "cannot serve the page")
            }
        }
    }

    /// What to say if the vault is locked; nil if it is not.
    private static func lock(of path: String) -> Failure? {
        do throws(AgentError) {
            _ = try AgentClient().status(of: path)
            return nil
        } catch .notRunning, .vault(.locked) {
            return Failure(AgentError.notRunning, path: path)
        } catch {
            // Something else is wrong, which every answer will say.
            return nil
        }
    }
}
