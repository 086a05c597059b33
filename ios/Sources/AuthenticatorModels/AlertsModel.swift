import Observation
import PushAuthenticator

/// Whether the person hears of sign-on requests while the app is not in front.
@MainActor @Observable
public final class AlertsModel {
    /// Whether the system shows no notifications of this app.
    public private(set) var areOff = false
    private let services: Services

    public init(_ services: Services) { self.services = services }

    /// Looks again: the person may have been in the system's settings.
    public func look() async { areOff = await services.alerts?.areOff() ?? false }

    /// Whether that is to be said beside these accounts: only requests are told of.
    public func concern(_ accounts: [Account]) -> Bool { areOff && accounts.contains { $0.kinds.contains(.push) } }
}
