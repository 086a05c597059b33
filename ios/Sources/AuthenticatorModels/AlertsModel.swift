import Observation
import PushAuthenticator

/// Whether the user is notified of sign-on requests while the app is not in the foreground.
@MainActor @Observable
public final class AlertsModel {
    /// Whether the system shows no notifications of this app.
    public private(set) var areOff = false
    private let services: Services

    public init(_ services: Services) { self.services = services }

    /// Checks again, because the user may have been in the system's settings.
    public func look() async { areOff = await services.alerts?.areOff() ?? false }

    /// Returns whether to say so next to these accounts: only sign-on requests cause notifications.
    public func concern(_ accounts: [Account]) -> Bool { areOff && accounts.contains { $0.kinds.contains(.push) } }
}
