import AuthenticatorDevice
import AuthenticatorModels
import PushAuthenticator
import UserNotifications

/// Takes pushes in while the app is not running, and has the system show no more than who asks.
final class NotificationService: UNNotificationServiceExtension {
    private var handler: ((UNNotificationContent) -> Void)?
    private let content = UNMutableNotificationContent()
    private var taking: Task<Void, Never>?

    override func didReceive(_ request: UNNotificationRequest, withContentHandler handler: @escaping (UNNotificationContent) -> Void) {
        self.handler = handler
        content.sound = .default
        let userInfo = request.content.userInfo
        taking = Task { @MainActor in
            let alert: PushIntake.Alert
            do {
                let phone = try await Composition.openPhone()
                alert = await PushIntake(phone, signingKeys: Composition.signingKeys()).receive(userInfo)
                // No file of a shared container may be open when the system suspends this.
                phone.close()
            } catch {
                alert = PushIntake.locked
            }
            finish(alert)
        }
    }

    /// The system's patience is over. What was received by then is in the vault.
    override func serviceExtensionTimeWillExpire() {
        taking?.cancel()
        finish(PushIntake.locked)
    }

    private func finish(_ alert: PushIntake.Alert) {
        guard let handler else { return }
        self.handler = nil
        PushAlerts.fill(content, with: alert, Composition.text)
        handler(content)
    }
}
