export { AllDeliveries } from './all-deliveries.tsx';
export { DeliveryPage } from './delivery-page.tsx';
export { EndpointList } from './endpoint-list.tsx';
export { EndpointPage } from './endpoint-page.tsx';
