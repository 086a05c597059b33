import AuthenticatorDevice
import AuthenticatorModels
import Foundation
import PushAuthenticator
import UserNotifications

/// Processes pushes while the app is not running, and has the system show only who asks.
final class NotificationService: UNNotificationServiceExtension {
    private var taking: Task<Void, Never>?
    private var delivery: Delivery?

    override func didReceive(_ request: UNNotificationRequest, withContentHandler handler: @escaping (UNNotificationContent) -> Void) {
        let delivery = Delivery(handler)
        // The task gets only bytes, so the system's objects stay in this call.
        let payload = PushIntake.payload(of: request.content.userInfo)
        self.delivery = delivery
        taking = Task {
            let alert: PushIntake.Alert
            do {
                let phone = try await Composition.openPhone()
                delivery.hold(phone)
                alert = await PushIntake(phone, signingKeys: Composition.signingKeys()).receive(payload)
            } catch {
                alert = PushIntake.locked
            }
            delivery.finish(alert)
        }
    }

    /// The system's time limit is reached. Whatever was received so far is in the vault.
    override func serviceExtensionTimeWillExpire() {
        taking?.cancel()
        delivery?.finish(PushIntake.locked)
    }
}

/// The result that the system waits for. The first caller delivers it, once, after the vault is closed: no file of a
/// shared container may be in use when the system suspends this extension. Safe to share, because everything that
/// changes is behind the lock.
private final class Delivery: @unchecked Sendable {
    private let lock = NSLock()
    private var handler: ((UNNotificationContent) -> Void)?
    private var phone: Phone?

    init(_ handler: @escaping (UNNotificationContent) -> Void) { self.handler = handler }

    /// Keeps the vault open for as long as this waits.
    func hold(_ phone: Phone) {
        let isOver = lock.withLock {
            self.phone = phone
            return handler == nil
        }
        if isOver { phone.close() }
    }

    func finish(_ alert: PushIntake.Alert) {
        let (handler, phone) = lock.withLock {
            defer { self.handler = nil }
            return (self.handler, self.phone)
        }
        phone?.close()
        guard let handler else { return }
        let content = UNMutableNotificationContent()
        PushAlerts.fill(content, with: alert, Composition.text)
        content.sound = .default
        handler(content)
    }
}
