internal import HTTPServer
internal import Platform
internal import Sodium
internal import VaultAgent
internal import VaultCore
internal import UserMessages

/// The entry point of the server of one vault's page.
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

    /// The interval of the checks that the vault is still unlocked, in milliseconds.
    private static let checkInterval: UInt64 = 2000

    private static func serve(_ settings: Settings) throws(Failure) {
        if let failure = lockFailure(of: settings.path) { throw failure }
        let service = try WebService(APIHandler(path: settings.path), api: try settings.token())
        let server: HTTPServer
        do throws(HTTPServer.CannotListen) {
            server = try HTTPServer(port: settings.port, service: service)
        } catch {
            throw Failure(error.reason, "cannot listen on port \(settings.port) of \(error.address)")
        }
        _ = try inWords(
            "cannot ask the kernel who owns a connection",
            LoopbackPeer.userID(of: .ipv4, from: server.port, to: server.port))
        let address = service.begin(at: server.port)
        try Output.write(address + "\n")
        Output.note(
            "Serving \(settings.path) until Ctrl-C; ends when the vault is locked, or after \(DurationFormat.words(milliseconds: settings.idle)) without use"
        )
        var link = settings.opens ? PageLink.show(address) : nil
        var nextCheck = SystemClock.monotonicMilliseconds() + checkInterval
        while true {
            let now = SystemClock.monotonicMilliseconds()
            if now >= service.lastUse + settings.idle {
                return Output.note(
                    "Ended: nobody used the page for \(DurationFormat.words(milliseconds: settings.idle))")
            }
            if service.isOpened { _ = link.take() }
            if now >= nextCheck {
                if lockFailure(of: settings.path) != nil {
                    return Output.note("Ended: \(settings.path) was locked")
                }
                nextCheck = now + checkInterval
            }
            try inWords("cannot serve the page", server.step(milliseconds: nextCheck - now))
        }
    }

    /// The failure if the vault is locked; nil if it is not.
    private static func lockFailure(of path: String) -> Failure? {
        do throws(AgentError) {
            _ = try AgentClient().status(of: path)
            return nil
        } catch .notRunning, .vault(.locked) {
            return Failure(AgentError.notRunning, path: path)
        } catch {
            // Every response will report any other failure.
            return nil
        }
    }
}
